// xterm.js colours single cells by setAttribute("style", …), which the Content-Security-Policy refuses; style.cssText does the same
// and is allowed, since a script that may run may do that.
const set = Element.prototype.setAttribute;

HTMLSpanElement.prototype.setAttribute = function (name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else set.call(this, name, value);
};
