using System.Globalization;
using System.Text;

namespace Berth.Storage.Images;

/// <summary>
/// Names out of images as text that can be printed and read back: what is no UTF-8, control characters and characters that turn or hide text are <c>\xNN</c> for each byte, a backslash is two.
/// </summary>
internal static class ShownPath
{
    /// <summary>The path with a slash at its beginning.</summary>
    public static string Of(ReadOnlySpan<byte> path)
    {
        StringBuilder text = new("/", path.Length + 8);
        while (!path.IsEmpty)
        {
            bool isText = Rune.DecodeFromUtf8(path, out Rune rune, out int length) == System.Buffers.OperationStatus.Done && IsShown(rune);
            if (!isText)
            {
                foreach (byte b in path[..length])
                {
                    text.Append(CultureInfo.InvariantCulture, $"\\x{b:x2}");
                }
            }
            else if (rune.Value == '\\')
            {
                text.Append(@"\\");
            }
            else
            {
                text.Append(rune);
            }

            path = path[length..];
        }

        return text.ToString();
    }

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned);
}
