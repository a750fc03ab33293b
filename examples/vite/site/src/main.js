// Keeps the state; what is shown is made by view.js, which is replaced while this goes on.
import { view } from "./view.js";
import "./style.css";

const app = document.querySelector("#app");
const state = { count: 0 };
let show = view;

function draw() {
  app.innerHTML = show(state);
}

app.addEventListener("click", (event) => {
  if (event.target.closest("button")) {
    state.count += 1;
    draw();
  }
});

import.meta.hot?.accept("./view.js", (changed) => {
  show = changed.view;
  draw();
});

draw();
