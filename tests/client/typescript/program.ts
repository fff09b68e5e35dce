// Runs a report with the client that openapi-typescript generated, and prints its file.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { argv: string[] };

const [url, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });

function checked<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const report = { path: { key: "sales-by-region" } };
const accepted = checked(
  await client.POST("/api/v1/reports/{key}/generate", {
    params: report,
    body: { parameters: { region: "north" }, format: "csv" },
  }),
);
const params = { path: { job_id: accepted.jobId } };
let job = checked(await client.GET("/api/v1/jobs/{job_id}", { params }));
for (let calls = 0; job.status !== "Succeeded" && job.status !== "Failed" && calls < 100; calls++) {
  job = checked(await client.GET("/api/v1/jobs/{job_id}", { params: { ...params, header: { Prefer: "wait=10" } } }));
}
console.log(job.status);
console.log(checked(await client.GET("/api/v1/jobs/{job_id}/result", { params, parseAs: "text" })));
const wrong = await client.POST("/api/v1/reports/{key}/generate", { params: report, body: { format: "docx" } });
console.log(wrong.error?.code, wrong.error?.fields?.["format"]?.length);

// The types are the document's: these are errors.
// @ts-expect-error
void job.state;
// @ts-expect-error
void client.GET("/api/v1/reportz");
