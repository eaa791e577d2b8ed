// The doors between rooms, made from the one table in scripts/rooms.mjs. `npm run check` runs it as `depcruise src bin`.
import { floors, subRooms } from "./scripts/rooms.mjs";

const foldersOf = (names) => `(${names.join("|")})`;

/** One rule for each room or sub-room: whatever stands above or beside it is not imported. */
function rulesOf(levels, pathOf, kind) {
  return levels.flatMap((level, index) =>
    level.flatMap((name) => {
      const forbidden = [...levels.slice(0, index).flat(), ...level.filter((other) => other !== name)];
      if (forbidden.length === 0) return [];
      return {
        name: `${kind}: ${pathOf([name]).label} imports neither what is above it nor what is beside it`,
        severity: "error",
        from: { path: pathOf([name]).path },
        to: { path: pathOf(forbidden).path },
      };
    }),
  );
}

const rooms = floors.map((floor) => floor.map(({ room }) => room));
const inSources = (names) => ({ label: names.join(", "), path: `^src/${foldersOf(names)}/` });
const inRoom = (room) => (names) => ({
  label: `${room}/${names.join(", ")}`,
  path: names.map((name) => (name === "." ? `^src/${room}/[^/]+$` : `^src/${room}/${name}/`)).join("|"),
});

export default {
  forbidden: [
    ...rulesOf(rooms, inSources, "rooms"),
    ...Object.entries(subRooms).flatMap(([room, levels]) => rulesOf(levels, inRoom(room), "sub-rooms")),
    {
      name: "rooms: all are in the table",
      comment: "A new folder of src gets its line in scripts/rooms.mjs.",
      severity: "error",
      from: {},
      to: { path: "^src/", pathNot: `^src/${foldersOf(rooms.flat())}/` },
    },
    {
      name: "bin: an executable holds its verb and nothing else",
      severity: "error",
      from: { path: "^bin/" },
      to: { path: "^src/", pathNot: "^src/(commands|host)/" },
    },
    {
      name: "sources import neither executables nor tests nor scripts",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(bin|test|scripts)/" },
    },
    { name: "no circles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "commands are run by host/process/run.ts",
      severity: "error",
      from: { path: "^(src|bin)/", pathNot: "^src/host/process/run\\.ts$" },
      to: { path: "(^|/)execa(/|$)" },
    },
  ],
  options: {
    // What only a type is imported from is a door as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    skipAnalysisNotInRules: true,
  },
};
