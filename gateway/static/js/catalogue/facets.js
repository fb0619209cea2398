// On a phone the filters begin closed, so that results are what one sees first; without scripts they stand open above them.
const side = document.querySelector(".catalogue__side");
if (side && window.matchMedia("(max-width: 60rem)").matches) side.open = false;
