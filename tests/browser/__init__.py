"""Every page in a real Chromium. A package, so that the browser ends with its last test."""
