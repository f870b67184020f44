using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>COPY and ADD, their flags, and the files that here-documents make.</summary>
internal static class TransferReader
{
    public static CopyInstruction ReadCopy(InstructionNode node)
    {
        CheckCount(node, "COPY");
        var flags = new FlagReader(node, texts: ["from", "chown", "chmod"], switches: ["link", "parents"], repeated: ["exclude"]);
        (List<string> sources, List<InlineFile> files, string destination) = Split(node, "COPY");
        return new CopyInstruction(node, sources, files, destination)
        {
            From = flags.GetText("from"),
            Chown = flags.GetText("chown"),
            Chmod = flags.GetText("chmod"),
            Link = flags.GetSwitch("link") ?? false,
            Parents = flags.GetSwitch("parents") ?? false,
            Excludes = flags.GetAll("exclude"),
        };
    }

    public static AddInstruction ReadAdd(InstructionNode node)
    {
        CheckCount(node, "ADD");
        var flags = new FlagReader(node, texts: ["chown", "chmod", "checksum"], switches: ["link", "keep-git-dir", "unpack"], repeated: ["exclude"]);
        (List<string> sources, List<InlineFile> files, string destination) = Split(node, "ADD");
        return new AddInstruction(node, sources, files, destination)
        {
            Chown = flags.GetText("chown"),
            Chmod = flags.GetText("chmod"),
            Link = flags.GetSwitch("link") ?? false,
            Excludes = flags.GetAll("exclude"),
            Checksum = flags.GetText("checksum"),
            KeepGitDir = flags.GetSwitch("keep-git-dir") ?? false,
            Unpack = flags.GetSwitch("unpack"),
        };
    }

    private static void CheckCount(InstructionNode node, string name)
    {
        if (node.Words.Count < 2)
        {
            throw FlagReader.Wrong(node, $"{name} requires at least two arguments, but only one was provided. Destination could not be determined");
        }
    }

    private static (List<string> Sources, List<InlineFile> Files, string Destination) Split(InstructionNode node, string name)
    {
        string destination = node.Words[^1];
        if (!node.IsJson && HeredocReader.Parse(destination) is not null)
        {
            throw FlagReader.Wrong(node, $"{name} cannot accept a heredoc as a destination");
        }

        var sources = new List<string>();
        var files = new List<InlineFile>();
        foreach (string word in node.Words.SkipLast(1))
        {
            Heredoc? announced = node.IsJson ? null : HeredocReader.Parse(word);
            Heredoc? heredoc = announced is null ? null : node.Heredocs.LastOrDefault(candidate => candidate.Name == announced.Name);
            if (heredoc is null)
            {
                sources.Add(word);
            }
            else
            {
                files.Add(new InlineFile(heredoc.Name, heredoc.Text, heredoc.IsExpanded));
            }
        }

        return (sources, files, destination);
    }
}
