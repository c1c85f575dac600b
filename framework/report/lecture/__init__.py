"""One node explained as in a lecture: shape, work, receptive field, where its sizes came from."""
