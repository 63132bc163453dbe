// Light or dark: as the system has it, until somebody presses the button.

const theme = {
  query: window.matchMedia("(prefers-color-scheme: dark)"),
  chosen: null,
  listeners: [],

  isDark() {
    return (this.chosen ?? (this.query.matches ? "dark" : "light")) === "dark";
  },

  apply() {
    document.documentElement.dataset.theme = this.isDark() ? "dark" : "light";
    byId("theme").textContent = this.isDark() ? "Light theme" : "Dark theme";
    for (const listener of this.listeners) listener();
  },

  start() {
    byId("theme").onclick = () => {
      this.chosen = this.isDark() ? "light" : "dark";
      this.apply();
    };
    this.query.addEventListener("change", () => this.apply());
    this.apply();
  },

  // The value of a colour of report.css.
  color(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  },
};
