"""The Debian package: what it holds, how it is built, and its manual pages."""
