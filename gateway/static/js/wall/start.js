/** Starts the wall of this page. */

import { startWall } from "./main.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
startWall(document.getElementById("wall"), read("wall-data"), read("wall-texts"));
