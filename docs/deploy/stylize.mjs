// Repaints one picture with a style file: node stylize.mjs MODEL IN OUT
import { readFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';
import sharp from 'sharp';
import { readMetadata } from './metadata.mjs';

const MIN_SIDE = 64; // px; a style file takes every height and width from here up

/** Repaint RGB pixels, a Uint8Array of height * width * 3; the pastiche is of the same size. */
async function stylize(session, pixels, height, width) {
  if (Math.min(height, width) < MIN_SIDE) {
    throw new Error(`the picture is ${width}x${height} px; a style takes ${MIN_SIDE} px and more on each side`);
  }
  const content = new ort.Tensor('uint8', pixels, [1, height, width, 3]);
  const { pastiche } = await session.run({ content });
  return pastiche.data;
}

async function main([model, source, target, ...more]) {
  if (!target || more.length) throw new Error('usage: node stylize.mjs MODEL IN OUT');
  const metadata = readMetadata(await readFile(model));
  const session = await ort.InferenceSession.create(model); // once is enough, for pictures of any size
  const photo = sharp(source).autoOrient().toColourspace('srgb').removeAlpha(); // upright, RGB, 8 bits
  const { data, info } = await photo.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { height, width } = info;
  const pastiche = await stylize(session, data, height, width);
  await sharp(pastiche, { raw: { width, height, channels: 3 } }).toFile(target);
  console.log(metadata.title ?? '');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message.startsWith('usage:') ? error.message : `stylize: ${error.message}`);
  process.exitCode = 2;
});
