// Repaints one picture with a style file: Stylize MODEL IN.ppm OUT.ppm
// Binary PPM needs no image library; ImageSharp, SkiaSharp or System.Drawing read all others.
using System;
using System.IO;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

static class Stylize
{
    const int MinSide = 64;  // px; a style file takes every height and width from here up

    static int Main(string[] arguments)
    {
        if (arguments.Length != 3)
        {
            Console.Error.WriteLine("usage: Stylize MODEL IN.ppm OUT.ppm");
            return 2;
        }
        try
        {
            using (var session = new InferenceSession(arguments[0]))  // once is enough, for pictures of any size
            {
                var metadata = session.ModelMetadata.CustomMetadataMap;
                if (!metadata.TryGetValue("format", out var format) || format != "fast_nst/1")
                    throw new InvalidDataException(arguments[0] + " is not a style file");
                var content = ReadPpm(arguments[1], out var height, out var width);
                WritePpm(arguments[2], Repaint(session, content, height, width), height, width);
                Console.WriteLine(metadata.TryGetValue("title", out var title) ? title : "");
            }
            return 0;
        }
        catch (Exception error)
        {
            Console.Error.WriteLine("stylize: " + error.Message);
            return 2;
        }
    }

    /// <summary>Repaints RGB pixels, row by row from the top; the pastiche is of the same size.</summary>
    static byte[] Repaint(InferenceSession session, byte[] pixels, int height, int width)
    {
        if (Math.Min(height, width) < MinSide)
            throw new ArgumentException(
                $"the picture is {width}x{height} px; a style takes {MinSide} px and more on each side");
        using (var options = new RunOptions())
        using (var content = OrtValue.CreateTensorValueFromMemory(pixels, new long[] { 1, height, width, 3 }))
        using (var results = session.Run(options, new[] { "content" }, new[] { content }, new[] { "pastiche" }))
            return results[0].GetTensorDataAsSpan<byte>().ToArray();
    }

    static byte[] ReadPpm(string path, out int height, out int width)
    {
        var file = File.ReadAllBytes(path);
        var start = Encoding.ASCII.GetString(file, 0, Math.Min(file.Length, 64));
        var header = Regex.Match(start, @"^P6\s+(\d+)\s+(\d+)\s+255\s");
        if (!header.Success) throw new InvalidDataException(path + " is not a binary PPM of 8 bits");
        width = int.Parse(header.Groups[1].Value);
        height = int.Parse(header.Groups[2].Value);
        var pixels = new byte[height * width * 3];
        if (file.Length < header.Length + pixels.Length) throw new InvalidDataException(path + " is cut short");
        Array.Copy(file, header.Length, pixels, 0, pixels.Length);
        return pixels;
    }

    static void WritePpm(string path, byte[] pixels, int height, int width)
    {
        using (var file = File.Create(path))
        {
            var header = Encoding.ASCII.GetBytes($"P6\n{width} {height}\n255\n");
            file.Write(header, 0, header.Length);
            file.Write(pixels, 0, pixels.Length);
        }
    }
}
