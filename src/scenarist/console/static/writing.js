// Dialogs that write the value of a data node: as JSON, or as a file.

import { ApiError, pathOf, request } from "./api.js";
import { Dialog, Field, Form } from "./components.js";
import { indentJson } from "./format.js";
import { html, useState } from "./view.js";

const MAX_EDITABLE = 64 * 1024; // characters: larger values are not loaded into the editor

export function WriteDialog({ node, etag, value, close }) {
  // The ETag from when the dialog opened: a value written by others since then is not overwritten.
  const [etagWhenOpened] = useState(etag);
  const [text] = useState(() => {
    const known = value?.isComplete && value.json !== undefined ? indentJson(value.json) : "";
    return known.length <= MAX_EDITABLE ? known : "";
  });
  async function write({ text: written, comment }) {
    try {
      JSON.parse(written);
    } catch (error) {
      throw new ApiError(400, { message: `Not valid JSON: ${error.message}` });
    }
    await request("PUT", pathOf(["datanodes", node.id, "write"], { comment }), {
      body: written,
      headers: etagWhenOpened === null ? {} : { "If-Match": etagWhenOpened },
    });
    close();
  }
  return html`<${Dialog} title=${`Write ${node.name ?? node.config_id}`} close=${close}>
    <${Form} label="Write" submit=${write} close=${close}>
      <${Field} label="Value as JSON" hint="A table is a list of records.">
        <textarea name="text" rows="14" spellcheck="false" required>
${text}</textarea
        >
      <//>
      <${Field} label="Comment" hint="Optional. Stored with the edit.">
        <input name="comment" maxlength="1000" autocomplete="off" />
      <//>
    <//>
  <//>`;
}

export function UploadDialog({ node, close }) {
  async function upload({ file, comment }) {
    await request("POST", pathOf(["datanodes", node.id, "upload"], { comment }), { body: file });
    close();
  }
  return html`<${Dialog} title=${`Upload ${node.name ?? node.config_id}`} close=${close}>
    <${Form} label="Upload" submit=${upload} close=${close}>
      <${Field} label=${`File (${node.storage_type})`}>
        <input name="file" type="file" required />
      <//>
      <${Field} label="Comment" hint="Optional. Stored with the edit.">
        <input name="comment" maxlength="1000" autocomplete="off" />
      <//>
    <//>
  <//>`;
}
