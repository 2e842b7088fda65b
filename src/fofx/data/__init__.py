"""Data: reading tables and folders of pictures, splitting them into parts, and checking them before work starts."""
