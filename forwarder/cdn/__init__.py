"""Everything a page loads: the settings document, the plugin with its files, Analytics.js."""
