"""What a user chose: notification settings and what follows from them."""
