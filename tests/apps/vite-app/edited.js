export const version = "v0";
