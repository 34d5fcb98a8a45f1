"""Floor 0: frozen values. Nothing here touches the world."""
