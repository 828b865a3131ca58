"""What Imagen Video is made of beside its networks: stages and their cascade, conditioning, distillation, tiles."""
