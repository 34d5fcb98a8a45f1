"""What attacks a judge must stand, as source text to plant and as rules that read the answers."""
