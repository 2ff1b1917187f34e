// The page of the HTTP API, made from the server's own OpenAPI document, so that it works without a network.

import { getJson } from "./api.js";
import { $, element } from "./dom.js";

let api = null;

function resolved(schema) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.split("/").slice(1).reduce((part, name) => part[name], api);
}

/** A schema's type and range in a few words. */
export function kindOf(schema) {
  const full = resolved(schema);
  const options = (full.anyOf ?? full.oneOf)?.filter((option) => option.type !== "null");
  if (options) return options.map(kindOf).join(" or ");
  if (full.enum) return full.enum.join(", ");
  if (full.type === "array") return full.prefixItems ? "pair of numbers" : `list of ${kindOf(full.items)}`;
  if (full.contentMediaType || full.format === "binary") return "file";
  const least = full.minimum ?? full.exclusiveMinimum;
  const most = full.maximum ?? full.exclusiveMaximum;
  const range = least === undefined && most === undefined ? "" : ` ${least ?? ""}..${most ?? ""}`;
  return `${full.type ?? "anything"}${range}`;
}

/** A schema's description; if it may be null, that of its other part. */
const textOf = (schema) => schema.description ?? schema.anyOf?.find((option) => option.description)?.description;

function table(rows) {
  const head = element("tr", {}, ...["Name", "Kind", "Description"].map((text) => element("th", { textContent: text })));
  const body = rows.map(({ name, schema, required, text }) =>
    element(
      "tr",
      {},
      element("td", {}, element("code", { textContent: name })),
      element("td", { textContent: kindOf(schema) + (required ? ", required" : "") }),
      element("td", { textContent: text ?? "" }),
    ),
  );
  return element("div", { className: "table" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

function fieldsOf(schema) {
  const full = resolved(schema);
  return Object.entries(full.properties ?? {}).map(([name, field]) => ({
    name,
    schema: field,
    required: full.required?.includes(name),
    text: textOf(field),
  }));
}

/** A command line that requests an operation. */
function curl(method, path, body) {
  const words = ["curl"];
  if (method !== "GET") words.push("-X", method);
  if (api.security) words.push("-H", "'Authorization: Bearer TOKEN'");
  if (body?.["application/json"]) words.push("-H", "'Content-Type: application/json'", "-d", "'{}'");
  else if (body) words.push("-F", "file=@FILE");
  return [...words, `${location.origin}${path}`].join(" ");
}

function operation(method, path, details) {
  const body = details.requestBody?.content;
  const parts = [
    element("summary", {}, element("span", { className: "method", textContent: method }), element("code", { textContent: path }), ` ${details.summary}`),
    element("p", { textContent: details.description ?? "" }),
    element("pre", { textContent: curl(method, path, body) }),
  ];
  const given = (details.parameters ?? []).map((item) => ({ ...item, text: item.description ?? textOf(item.schema) }));
  if (given.length) parts.push(element("h3", { textContent: "In the address" }), table(given));
  for (const [kind, { schema }] of Object.entries(body ?? {})) parts.push(element("h3", { textContent: `Body: ${kind}` }), table(fieldsOf(schema)));
  const answers = Object.entries(details.responses).map(([status, { description, content }]) => {
    const kinds = Object.keys(content ?? {}).filter((kind) => Number(status) < 300 || kind !== "application/json");
    return element("li", { textContent: [`${status}: ${description}`, ...kinds].join(" · ") });
  });
  parts.push(element("h3", { textContent: "Answers" }), element("ul", {}, ...answers));
  const good = Object.entries(details.responses).find(([status]) => Number(status) < 300)?.[1].content?.["application/json"];
  if (good && fieldsOf(good.schema).length) parts.push(element("h3", { textContent: "Fields of the answer" }), table(fieldsOf(good.schema)));
  return element("details", { id: details.operationId }, ...parts);
}

async function draw() {
  api = await getJson("/v1/openapi.json");
  $("description").textContent = api.info.description;
  const subjects = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, details] of Object.entries(methods)) {
      const name = details.tags?.[0] ?? "other";
      subjects.set(name, [...(subjects.get(name) ?? []), operation(method.toUpperCase(), path, details)]);
    }
  }
  for (const [name, operations] of subjects) $("operations").append(element("section", {}, element("h2", { textContent: name }), ...operations));
}

if ($("operations")) draw().catch((error) => ($("status").textContent = error.message));
