"""What every command needs to talk to a person: output, progress, times."""
