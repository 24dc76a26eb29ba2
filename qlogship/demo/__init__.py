"""`qlogship demo`: a call centre, the service and a dashboard on one screen; deletable."""
