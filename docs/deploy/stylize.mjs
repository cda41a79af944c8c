// Repaints one picture with a style file: node stylize.mjs MODEL IN OUT [STRENGTH [STYLE]]
import { readFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { readChoices, readMetadata } from './metadata.mjs';

const MIN_SIDE = 64; // px; a style file takes every height and width from here up

/** Repaint RGB pixels, a Uint8Array of height * width * 3; the pastiche is of the same size. */
async function stylize(session, pixels, height, width, controls) {
  if (Math.min(height, width) < MIN_SIDE) {
    throw new Error(`the picture is ${width}x${height} px; a style takes ${MIN_SIDE} px and more on each side`);
  }
  const content = new ort.Tensor('uint8', pixels, [1, height, width, 3]);
  const { pastiche } = await session.run({ content, ...controls });
  return pastiche.data;
}

/** Return the tensors that the file wants beside a photograph, if any: strength 1 and the first style, if not told. */
function readControls(metadata, strength, style) {
  const { mostStrength, styles } = readChoices(metadata);
  const [least, most] = mostStrength ? [0, mostStrength] : [1, 1];
  if (!(strength >= least && strength <= most)) {
    throw new Error(`the strength is ${strength}; the file takes ${least} to ${most}`);
  }
  if (style && !styles.includes(style)) {
    throw new Error(`the file has no style ${style} to choose; there are: ${styles.join(', ') || 'none'}`);
  }
  const weights = styles.map((name) => (name === (style || styles[0]) ? 1 : 0));
  return {
    ...(mostStrength && { strength: new ort.Tensor('float32', [Number(strength)], []) }),
    ...(styles.length && { style: new ort.Tensor('float32', weights, [styles.length]) }),
  };
}

async function main([model, source, target, strength, style, ...more]) {
  if (!target || more.length) throw new Error('usage: node stylize.mjs MODEL IN OUT [STRENGTH [STYLE]]');
  const metadata = readMetadata(await readFile(model));
  const controls = readControls(metadata, strength || 1, style);
  const session = await ort.InferenceSession.create(model); // once is enough, for pictures of any size
  const photo = sharp(source).autoOrient().toColourspace('srgb').removeAlpha(); // upright, RGB, 8 bits
  const { data, info } = await photo.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { height, width } = info;
  const pastiche = await stylize(session, data, height, width, controls);
  await sharp(pastiche, { raw: { width, height, channels: 3 } }).toFile(target);
  console.log(metadata.title ?? '');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message.startsWith('usage:') ? error.message : `stylize: ${error.message}`);
  process.exitCode = 2;
});
