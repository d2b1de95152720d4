// Writing the value of a data node: as JSON, or as a file.

import { ask, pathOf, Refusal } from "./api.js";
import { Dialog, Field, Form } from "./parts.js";
import { html, useState } from "./view.js";
import { laidOut } from "./words.js";

const LARGEST = 64 * 1024; // characters of a value that is offered to be changed

export function Write({ node, tag, value, close }) {
  // As it was when the dialog was opened: what somebody else writes meanwhile is not overwritten.
  const [guard] = useState(tag);
  const [text] = useState(() => {
    const known = value?.isComplete && value.json !== undefined ? laidOut(value.json) : "";
    return known.length <= LARGEST ? known : "";
  });
  async function write({ text: written, comment }) {
    try {
      JSON.parse(written);
    } catch (error) {
      throw new Refusal(400, { message: `This is not JSON yet: ${error.message}` });
    }
    await ask("PUT", pathOf(["datanodes", node.id, "write"], { comment }), {
      body: written,
      headers: guard === null ? {} : { "If-Match": guard },
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
      <${Field} label="Why" hint="Is kept with the edit; may be left out.">
        <input name="comment" maxlength="1000" autocomplete="off" />
      <//>
    <//>
  <//>`;
}

export function Upload({ node, close }) {
  async function upload({ file, comment }) {
    await ask("POST", pathOf(["datanodes", node.id, "upload"], { comment }), { body: file });
    close();
  }
  return html`<${Dialog} title=${`Upload ${node.name ?? node.config_id}`} close=${close}>
    <${Form} label="Upload" submit=${upload} close=${close}>
      <${Field} label=${`A file in the format ${node.storage_type}`}>
        <input name="file" type="file" required />
      <//>
      <${Field} label="Why" hint="Is kept with the edit; may be left out.">
        <input name="comment" maxlength="1000" autocomplete="off" />
      <//>
    <//>
  <//>`;
}
