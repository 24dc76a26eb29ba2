"""logrotate's configuration: how it is written, what it comes to for one file. Pure."""
