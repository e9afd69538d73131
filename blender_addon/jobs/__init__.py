"""Work that goes on while the user works on."""
