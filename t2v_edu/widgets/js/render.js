// From a scene to a picture: world/render.py for one frame.
import { field, paintOutline } from "./outlines.js";
import { placePicture } from "./places.js";
import { paintPuppet } from "./puppets.js";
import { TABLES } from "./tables.js";

/** One frame as RGB floats 0..255, row by row: `cast` holds for every actor {actor, take, pose}. */
export function drawFrame(place, cast, height, width) {
  const canvas = { width, height, data: Float32Array.from(placePicture(place, height, width)) };
  for (const { actor, take, pose } of cast) {
    const short = Math.min(height, width), color = TABLES.rgb[actor.color];
    const x = pose.x * width, y = pose.y * height, radius = pose.radius * short;
    if (TABLES.story.includes(actor.kind)) {
      paintPuppet(canvas, actor.kind, actor.action, pose.gait, color, x, y, radius, actor.direction === "left");
    } else {
      paintOutline(canvas, field(actor.kind, take.hand), color, x, y, radius, pose.angle, pose.largest * short);
    }
  }
  return canvas.data;
}

/** RGB floats as the RGBA bytes of a picture; rounds as render.py does. */
export function toBytes(rgb) {
  const bytes = new Uint8ClampedArray((rgb.length / 3) * 4);
  for (let i = 0, j = 0; i < rgb.length; i += 3, j += 4) {
    for (let k = 0; k < 3; k++) bytes[j + k] = Math.floor(rgb[i + k] + 0.5);
    bytes[j + 3] = 255;
  }
  return bytes;
}
