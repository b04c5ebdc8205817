// tus-js-client at /filestorage: half of a file, a break, the rest. node upload.mjs URL KEY SESSION PATH FILE; says one line.
import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint, key, session, path, file] = process.argv.slice(2);
const size = statSync(file).size;

function upload(more) {
  return new Promise((resolve, reject) => {
    const one = new Upload(createReadStream(file), {
      endpoint,
      uploadSize: size,
      chunkSize: 1 << 18,
      retryDelays: [0, 100],
      headers: { Authorization: `Bearer ${key}` },
      metadata: { session_id: session, path },
      onError: reject,
      onSuccess: () => resolve({ url: one.url }),
      onChunkComplete: (_, sent) => {
        if (more.breakAt && sent >= more.breakAt) one.abort().then(() => resolve({ url: one.url, sent }));
      },
      ...more,
    });
    one.start();
  });
}

const half = await upload({ breakAt: size / 2 });
const whole = await upload({ uploadUrl: half.url });
console.log(JSON.stringify({ size, sent: half.sent, same: half.url === whole.url }));
