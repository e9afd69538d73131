"""A model as a module of PyTorch: equal values, and it trains on.

    import overfit.torch

    field = overfit.torch.load("bunny.safetensors").to("cuda")
    distances = field(points)                                # [..., 3] -> [...], in the mesh's own units
    loss = (field.gradient(points, create_graph=True).norm(dim=-1) - 1).square().mean()
    field.save("trained.safetensors")                        # overfit.load reads it

Values are those of `Field.distance`, everywhere; gradients are those of `Field.gradient` but in the outermost sixteenth
of the frame and beyond, where they are the derivative of the value (docs/model-format.md, 7., tells what
`Field.gradient` has there).
"""

try:
    from overfit.torch.field import Field, load
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "overfit.torch needs PyTorch, which is not installed: pip install overfit[torch]", name="torch"
    ) from None

__all__ = ["Field", "load"]
