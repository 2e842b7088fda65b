"""The playground's engine: points in a plane, a small network that learns them, and everything worth seeing on the way.

It knows no screen. `fofx.play.state.State` is every control as plain data, `fofx.play.session.Session` is one playground.
Nothing heavy is imported here.
"""
