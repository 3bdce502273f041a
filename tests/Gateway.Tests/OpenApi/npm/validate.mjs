// Validates the OpenAPI documents that are named, each at an address.
import { Validator } from "@seriousme/openapi-schema-validator";

for (const address of process.argv.slice(2)) {
  const validator = new Validator();
  const result = await validator.validate(await (await fetch(address)).json());
  if (!result.valid || validator.version !== "3.1") {
    console.error(address, validator.version, JSON.stringify(result.errors, null, 1));
    process.exit(1);
  }
}
console.log("valid");
