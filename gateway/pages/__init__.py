"""Pages: what people see. Server-rendered and usable without JavaScript; the live room is enhanced in the browser."""
