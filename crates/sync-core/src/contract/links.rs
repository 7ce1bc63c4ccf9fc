//! Links to parents that may arrive late.
