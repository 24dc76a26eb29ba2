"""What Asterisk writes: records and the calls they tell of; pure."""
