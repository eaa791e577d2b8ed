import { describe, expect, test } from "vitest";
import { nameIn, renamed, renameInHosts, renameInNameFile } from "../../../../src/guest/rename/names.ts";

const names = { oldName: "web.example.com", newName: "shop.example.net" };

describe("a name", () => {
  test.each([
    ["web.example.com", "shop.example.net"],
    ["web", "shop"],
    ["WEB.example.com", "shop.example.net"],
    ["shop.example.net", "shop.example.net"],
    ["shop", "shop"],
    ["web2", undefined],
    ["web.example", undefined],
    ["", undefined],
  ])("%j becomes %j", (name, to) => {
    expect(renamed(name, names)).toBe(to);
  });

  test("is the first line that says something", () => {
    expect(nameIn("\n# the name\n  web.example.com \nother\n")).toBe("web.example.com");
  });

  test.each([
    ["web.example.com\n", "shop.example.net\n"],
    ["web", "shop"],
    ["# name\nweb\r\n", "# name\nshop\r\n"],
    ["mail.example.com\n", "mail.example.com\n"],
  ])("is changed in the file %j to %j", (text, changed) => {
    expect(renameInNameFile(text, names)).toBe(changed);
  });

  test("goes into the file as it is, whatever `$` it holds", () => {
    expect(renameInNameFile("web\n", { oldName: "web", newName: "a$&b" })).toBe("a$&b\n");
  });
});

describe("a hosts file", () => {
  const addresses = [{ from: "10.0.0.1", to: "192.0.2.7" }];
  test.each([
    ["127.0.1.1\tweb.example.com web", "127.0.1.1\tshop.example.net shop"],
    ["10.0.0.1 web.example.com  web # me", "192.0.2.7 shop.example.net  shop # me"],
    ["10.0.0.1 web", "192.0.2.7 shop"],
    ["10.0.0.3 web", "10.0.0.3 shop"],
    ["10.0.0.3 web.example.org web", "10.0.0.3 web.example.org web"],
    ["10.0.0.3 db.example.com web", "10.0.0.3 db.example.com web"],
    ["127.0.0.1 localhost web", "127.0.0.1 localhost shop"],
    ["10.0.0.10 web2.example.com web-1 myweb", "10.0.0.10 web2.example.com web-1 myweb"],
    ["# 10.0.0.1 web.example.com", "# 10.0.0.1 web.example.com"],
    ["", ""],
    ["   ", "   "],
  ])("has %j changed to %j", (line, changed) => {
    expect(renameInHosts(`${line}\n`, names, addresses)).toBe(`${changed}\n`);
  });
});
