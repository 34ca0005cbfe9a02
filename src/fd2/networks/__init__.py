"""Networks: backbones, counterfactual attention, teachers, prototypes."""
