// The API browser: one page, no foreign assets, drawn from openapi.json by the script below.
#include "platform/http/base_routes.hpp"

namespace corral::http {

namespace {

constexpr std::string_view page_head = R"page(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Corral API</title>
<style>
:root{--line:#d5dae0;--soft:#f4f6f8;--ink:#1d2733;--dim:#5b6875}
*{box-sizing:border-box}body{margin:0;font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:#fff}
header{position:sticky;top:0;background:#1d2733;color:#fff;padding:.7rem 1rem;display:flex;gap:.8rem;flex-wrap:wrap;align-items:center}
header h1{font-size:1.05rem;margin:0 auto 0 0}input,textarea,button{font:inherit;padding:.3rem .5rem;border:1px solid var(--line);border-radius:4px}
button{cursor:pointer;background:#fff}main{max-width:64rem;margin:0 auto;padding:1rem}
h2{font-size:1rem;margin:1.6rem 0 .4rem;text-transform:capitalize}
details{border:1px solid var(--line);border-radius:5px;margin:.25rem 0}summary{padding:.4rem .6rem;cursor:pointer;display:flex;gap:.6rem;align-items:baseline}
summary b{font:600 .78rem ui-monospace,monospace;min-width:4.2rem;text-align:center;border-radius:3px;padding:.1rem;color:#fff;background:#5b6875}
b.get{background:#2b6cb0}b.post{background:#2f855a}b.put,b.patch{background:#b7791f}b.delete{background:#c53030}
code,pre,textarea{font-family:ui-monospace,monospace;font-size:.85rem}pre{background:var(--soft);padding:.6rem;overflow:auto;max-height:24rem}
.body{padding:.2rem .8rem .8rem;background:var(--soft)}label{display:block;margin:.4rem 0}label span{display:inline-block;min-width:11rem;color:var(--dim)}
textarea{width:100%;min-height:6rem}.dim{color:var(--dim)}
</style></head><body>
<header><h1>Corral API</h1><span id="who" class="dim"></span>
<input id="user" placeholder="e-mail or user name" autocomplete="username"><input id="password" type="password" placeholder="password" autocomplete="current-password">
<button id="login">Sign in</button></header><main id="out">Loading…</main>
<script>
)page";

constexpr std::string_view page_script = R"page(
let token = "", doc;
const el = (tag, attributes = {}, ...children) => {
  const e = Object.assign(document.createElement(tag), attributes);
  e.append(...children); return e;
};
document.getElementById("login").onclick = async () => {
  const answer = await fetch(prefix + "/v1/auth/token", {method: "POST", headers: {"Content-Type": "application/json"},
    body: JSON.stringify({email: user.value, password: password.value})});
  const body = await answer.json();
  token = body.token || ""; password.value = "";
  document.getElementById("who").textContent = token ? "signed in as " + body.email : body.message || "refused";
};
const example = (schema, depth = 0) => {
  if (!schema || depth > 5) return null;
  if (schema.$ref) return example(doc.components.schemas[schema.$ref.split("/").pop()], depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (schema.enum) return schema.enum[0];
  if (type === "array") return [];
  if (schema.properties) return Object.fromEntries(Object.entries(schema.properties).map(([k, v]) => [k, example(v, depth + 1)]));
  return {object: {}, string: "", integer: 0, number: 0, boolean: false}[type] ?? null;
};
const operation = (method, path, op) => {
  const inputs = {}, box = el("div", {className: "body"});
  box.append(el("p", {className: "dim"}, "Access: " + op["x-access"]));
  for (const p of op.parameters || []) {
    inputs[p.name] = el("input");
    box.append(el("label", {}, el("span", {textContent: p.name + " (" + p.in + ")"}), inputs[p.name], " ", p.description || ""));
  }
  const schema = op.requestBody?.content["application/json"].schema;
  const text = el("textarea", {value: schema ? JSON.stringify(example(schema), null, 1) : ""});
  if (schema) box.append(text);
  const result = el("pre");
  const send = el("button", {textContent: "Send"});
  send.onclick = async () => {
    let url = path; const query = new URLSearchParams(), headers = {};
    for (const p of op.parameters || []) {
      const value = inputs[p.name].value;
      if (p.in === "path") url = url.replace("{" + p.name + "}", encodeURIComponent(value));
      else if (value && p.in === "query") query.set(p.name, value);
      else if (value) headers[p.name] = value;
    }
    if (token) headers.Authorization = "Bearer " + token;
    if (schema) headers["Content-Type"] = "application/json";
    const answer = await fetch(url + (query.size ? "?" + query : ""), {method: method.toUpperCase(), headers, body: schema ? text.value : undefined});
    const body = await answer.text();
    let shown = body; try { shown = JSON.stringify(JSON.parse(body), null, 1); } catch (e) {}
    result.textContent = answer.status + "\n" + shown;
  };
  box.append(el("p", {}, send), result);
  return el("details", {}, el("summary", {}, el("b", {className: method, textContent: method.toUpperCase()}),
    el("code", {textContent: path}), el("span", {className: "dim", textContent: op.summary})), box);
};
fetch(prefix + "/openapi.json").then(r => r.json()).then(d => {
  doc = d; const groups = {};
  for (const [path, methods] of Object.entries(d.paths))
    for (const [method, op] of Object.entries(methods)) (groups[op.tags[0]] ??= []).push(operation(method, path, op));
  const out = document.getElementById("out"); out.textContent = "";
  for (const name of Object.keys(groups).sort()) out.append(el("h2", {textContent: name}), ...groups[name]);
});
</script></body></html>
)page";

}  // namespace

std::string api_page(const std::string& prefix) {
    std::string quoted;
    json::append_string(quoted, prefix);  // also escapes '<', so the script element cannot be ended by it
    return std::string(page_head) + "const prefix = " + quoted + ";" + std::string(page_script);
}

}  // namespace corral::http
