"""Who may more or less in one workspace than their role in the organisation says."""
