"""What axe-core (WCAG 2.2 A and AA) finds on a page as it stands."""

from pathlib import Path

from playwright.sync_api import Page

SOURCE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
RUN = """async () => {
  const found = await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
  });
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
}"""


def violations(page: Page) -> list[str]:
    """One line for each rule that is broken, in code and terminals, too."""
    page.evaluate(SOURCE.read_text())
    found: list[str] = page.evaluate(RUN)
    return found
