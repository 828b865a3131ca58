"""What people read: tables and the page, made from records alone."""
