using System.Text;

namespace Berth.Cli.Terminal;

/// <summary>Text to one of the standard streams as UTF-8; held back until <see cref="Flush"/> or 16 KiB.</summary>
internal sealed class TextOutput
{
    private const int FlushAt = 16 * 1024;

    private readonly Stream stream;
    private readonly StringBuilder pending = new();

    public TextOutput(Stream stream) => this.stream = stream;

    /// <summary>The stream below, for bytes; flush text first.</summary>
    public Stream Bytes
    {
        get
        {
            Flush();
            return stream;
        }
    }

    public void Write(string text)
    {
        pending.Append(text);
        if (pending.Length > FlushAt)
            Flush();
    }

    public void WriteLine(string text = "") => Write(text + "\n");

    public void Flush()
    {
        if (pending.Length == 0)
            return;

        byte[] bytes = Encoding.UTF8.GetBytes(pending.ToString());
        pending.Clear();
        stream.Write(bytes);
    }
}
