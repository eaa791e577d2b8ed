/** What wrote a stream, as its manifest says: for people, never interpreted. */
export const toolName = "ganeti-instance-debootstrap 1.0.0";
