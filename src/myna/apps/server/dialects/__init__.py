"""How clients of other servers ask for speech, each dialect mapped to `SpeechRequest`."""
