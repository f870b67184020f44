using Berth.Model;

namespace Berth.Build.Frontend;

/// <summary>Permissions of <c>--chmod</c>: octal, or symbolic as of chmod(1).</summary>
internal static class FileModes
{
    private const uint All = 0xFFF;

    /// <summary>Reads them; the result gives a file's (or, true, a folder's) new permissions for its present ones.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    public static Func<uint, bool, uint> Parse(string text)
    {
        if (text.Length > 0 && text.All(static c => c is >= '0' and <= '7'))
        {
            uint mode = 0;
            foreach (char digit in text)
            {
                mode = mode * 8 + digit - '0';
                if (mode > All)
                {
                    throw Wrong(text);
                }
            }

            return (_, _) => mode;
        }

        List<Func<uint, bool, uint>> changes = [.. text.Split(',').SelectMany(clause => ParseClause(clause, text))];
        return (mode, isFolder) => changes.Aggregate(mode, (present, change) => change(present, isFolder));
    }

    private static IEnumerable<Func<uint, bool, uint>> ParseClause(string clause, string text)
    {
        int at = clause.IndexOfAny(['+', '-', '=']);
        if (at < 0 || clause[..at].Any(static who => who is not ('u' or 'g' or 'o' or 'a')))
        {
            throw Wrong(text);
        }

        uint who = 0;
        foreach (char one in at == 0 ? "a" : clause[..at])
        {
            who |= one switch { 'u' => 0x9C0u, 'g' => 0x438u, 'o' => 0x207u, _ => All }; // with the bits for set-user-id, set-group-id and sticky
        }

        while (at < clause.Length)
        {
            char operation = clause[at];
            int end = clause.IndexOfAny(['+', '-', '='], at + 1);
            string letters = clause[(at + 1)..(end < 0 ? clause.Length : end)];
            if (letters.Any(static letter => letter is not ('r' or 'w' or 'x' or 'X' or 's' or 't')))
            {
                throw Wrong(text);
            }

            uint affected = who;
            yield return (mode, isFolder) => Change(mode, isFolder, affected, operation, letters);
            at = end < 0 ? clause.Length : end;
        }
    }

    private static uint Change(uint mode, bool isFolder, uint who, char operation, string letters)
    {
        uint bits = 0;
        foreach (char letter in letters)
        {
            bits |= letter switch
            {
                'r' => 0x124u,
                'w' => 0x92u,
                'x' => 0x49u,
                'X' => isFolder || (mode & 0x49) != 0 ? 0x49u : 0,
                's' => 0xC00u,
                _ => 0x200u,
            };
        }

        bits &= who;
        return operation switch { '+' => mode | bits, '-' => mode & ~bits, _ => mode & ~(who & 0x1FF) | bits };
    }

    private static EngineException Wrong(string text) =>
        new(ErrorKind.InvalidArgument, $"invalid chmod parameter: '{PrintableText.Of(text)}'. it should be octal string and between 0 and 07777, or symbolic as of chmod(1)");
}
