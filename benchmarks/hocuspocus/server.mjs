// Hocuspocus as its documentation starts it: SQLite in a file, every other setting the default.
import { SQLite } from "@hocuspocus/extension-sqlite";
import { Server } from "@hocuspocus/server";

const [, , port, database] = process.argv;

await new Server({
	address: "127.0.0.1",
	quiet: true,
	extensions: [new SQLite({ database })],
}).listen(Number(port));
