"""Pages about hooks and deliveries. They check permission, parse, call one function of the domain and render."""
