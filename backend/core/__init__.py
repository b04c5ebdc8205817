"""The cellar: what every feature stands on, and nothing about any of them."""
