using Berth.Api;

namespace Berth.Daemon.Mapping;

/// <summary>Messages that cannot be sent yet, as far as they fit: of too many the first are left out, which is told.</summary>
internal sealed class KeptMessages
{
    private const int MostCharacters = 1 << 20;
    private readonly Queue<JsonMessage> messages = [];
    private long characters;
    private bool isCut;

    public void Add(JsonMessage message)
    {
        messages.Enqueue(message);
        characters += SizeOf(message);
        while (characters > MostCharacters && messages.Count > 1)
        {
            characters -= SizeOf(messages.Dequeue());
            isCut = true;
        }
    }

    /// <summary>All that is left, in order; nothing is kept any more.</summary>
    public List<JsonMessage> Take()
    {
        List<JsonMessage> taken = [.. isCut ? [new JsonMessage { Stream = "[the beginning of this output is left out: it was too much to be kept]\n" }] : (JsonMessage[])[], .. messages];
        messages.Clear();
        characters = 0;
        return taken;
    }

    private static int SizeOf(JsonMessage message) => 64 + (message.Stream?.Length ?? 0) + (message.Status?.Length ?? 0);
}
