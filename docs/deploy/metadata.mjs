// JavaScript's ONNX Runtime does not tell a file's metadata, so it is read from the file: an .onnx file is a protobuf
// message, and its field 14, metadata_props, holds pairs of a key (field 1) and a value (field 2).

/** What a style file says about itself, such as {format: 'fast_nst/1', title: 'The Starry Night'}. */
export function readMetadata(/** @type {Uint8Array} */ file) {
  const metadata = {};
  for (const { number, bytes } of fields(file)) {
    if (number !== 14) continue;
    const pair = {};
    for (const part of fields(bytes)) pair[part.number] = new TextDecoder().decode(part.bytes);
    metadata[pair[1]] = pair[2];
  }
  if (metadata.format !== 'fast_nst/1') throw new Error('not a style file: its metadata has no format fast_nst/1');
  return metadata;
}

/** What may be chosen: the greatest strength (0 where there is but 1), and the names of a network of many styles. */
export function readChoices(metadata) {
  const inputs = JSON.parse(metadata.inputs || '{}');
  const styles = inputs.style ? JSON.parse(metadata.styles).map((style) => style.name) : [];
  return { mostStrength: inputs.strength?.range[1] ?? 0, styles };
}

/** The fields of a protobuf message that hold bytes; the others, plain numbers, are passed over. */
function* fields(message) {
  let at = 0;
  const readNumber = () => {
    for (let value = 0, unit = 1; ; unit *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = readNumber();
    if (key % 8 === 0) readNumber();
    else if (key % 8 === 1) at += 8;
    else if (key % 8 === 5) at += 4;
    else if (key % 8 === 2) {
      const length = readNumber();
      yield { number: Math.floor(key / 8), bytes: message.subarray(at, (at += length)) };
    } else throw new Error('not an ONNX file');
  }
}
