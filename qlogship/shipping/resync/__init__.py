"""Clear the dashboard and ship everything again."""
