/** The dark modules of a QR code as one path: `bits` is a hexadecimal number of size * size bits, the first module its highest. */
export function codePath(size, bits) {
  const modules = size * size;
  const ones = BigInt(`0x${bits || "0"}`).toString(2).padStart(modules, "0");
  let path = "";
  for (let place = 0; place < modules; place += 1) {
    if (ones[place] === "1") path += `M${place % size} ${Math.floor(place / size)}h1v1h-1z`;
  }
  return path;
}
