"""Identity providers in the definitions file: their fields, and making the database match them."""
