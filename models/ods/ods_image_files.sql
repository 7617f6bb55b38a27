{{ image_files() }}
